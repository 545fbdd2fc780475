package io.synckit.postgres;

import io.synckit.InvalidConfigException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Where the database is: pgjdbc's form, {@code jdbc:postgresql://…}, or libpq's, {@code postgres://user:password@host/database}
 * (as in Go, and as many platforms hand it out). Never shown in messages, since it may hold a password.
 *
 * @param url pgjdbc's form, without user and password
 */
record ConnectionString(
        String url, @Nullable String username, @Nullable String password) {

    /** @throws InvalidConfigException if the text is null, or of neither form */
    static ConnectionString of(@Nullable String text) {
        if (text == null) {
            throw new InvalidConfigException("connectionString", "is not there; give one, or give a DataSource");
        }
        return parse(text);
    }

    private static ConnectionString parse(String text) {
        if (text.startsWith("jdbc:postgresql:")) {
            return new ConnectionString(text, null, null);
        }
        if (!text.startsWith("postgres://") && !text.startsWith("postgresql://")) {
            throw new InvalidConfigException(
                    "connectionString",
                    "begins neither with jdbc:postgresql: nor with postgres://; this store is for PostgreSQL");
        }
        try {
            URI uri = new URI(text);
            String[] user = uri.getRawUserInfo() == null
                    ? new String[0]
                    : uri.getRawUserInfo().split(":", 2);
            String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
            String authority = uri.getRawAuthority() == null ? "" : uri.getRawAuthority();
            String hosts = authority.substring(authority.lastIndexOf('@') + 1);
            return new ConnectionString(
                    "jdbc:postgresql://" + hosts + (uri.getRawPath().isEmpty() ? "/" : uri.getRawPath()) + query,
                    user.length > 0 ? decoded(user[0]) : null,
                    user.length > 1 ? decoded(user[1]) : null);
        } catch (URISyntaxException e) {
            throw new InvalidConfigException(
                    "connectionString",
                    "is not a URL: " + e.getReason() + "; percent-encode special characters in user and password");
        }
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }
}
