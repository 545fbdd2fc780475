/** The JSON library, and what PostgreSQL's {@code jsonb} cannot hold. The only package that knows Jackson. */
@NullMarked
package io.synckit.postgres.internal.json;

import org.jspecify.annotations.NullMarked;
