/** The event store as its callers see it: events, versions, filters, results and errors. Nothing here knows a database. */
@NullMarked
package io.synckit;

import org.jspecify.annotations.NullMarked;
