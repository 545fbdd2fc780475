/** The API of the event store: events, versions, filters, results and errors. Independent of the database. */
@NullMarked
package io.synckit;

import org.jspecify.annotations.NullMarked;
