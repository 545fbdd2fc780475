package io.synckit.postgres;

import io.synckit.InvalidConfigException;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The database to connect to: in pgjdbc's form, {@code jdbc:postgresql://…}, or in libpq's, {@code
 * postgres://user:password@host:5432,other:5432/database?sslmode=require} (as in Go, and as many platforms hand it out). Never shown in
 * messages, since it may hold a password.
 *
 * @param url pgjdbc's form, without user and password
 */
record ConnectionString(
        String url, @Nullable String username, @Nullable String password) {

    private static final Pattern HOST = Pattern.compile("(\\[[0-9a-fA-F:.%]+]|[^\\[\\]:/@?#\\s]*)(:[0-9]{1,5})?");

    private static final Pattern AUTHORITY_WITH_USER = Pattern.compile("^jdbc:postgresql://[^/?]*@");

    /** @throws InvalidConfigException if the text is null, or of neither form */
    static ConnectionString of(@Nullable String text) {
        if (text == null) {
            throw invalid("is missing; give one, or give a DataSource");
        }
        if (text.startsWith("jdbc:postgresql:")) {
            return new ConnectionString(requireDriverAccepts(requireNoCredentials(text)), null, null);
        }
        if (!text.startsWith("postgres://") && !text.startsWith("postgresql://")) {
            throw invalid("begins neither with jdbc:postgresql: nor with postgres://; this store is for PostgreSQL");
        }
        return parse(text.substring(text.indexOf("//") + 2));
    }

    /** The driver ignores credentials before the host, and shows them in its messages. */
    private static String requireNoCredentials(String url) {
        if (AUTHORITY_WITH_USER.matcher(url).find()) {
            throw invalid(
                    "has a user or password before the host, which the JDBC driver does not support; set username and"
                            + " password instead, or begin the URL with postgres:// instead of jdbc:postgresql://");
        }
        return url;
    }

    private static String requireDriverAccepts(String url) {
        if (!PhysicalConnections.isUrl(url)) {
            throw invalid("is not a URL that the JDBC driver accepts: jdbc:postgresql://host:port/database");
        }
        return url;
    }

    /** A password with an unencoded @ is accepted, because a host cannot contain one. */
    private static ConnectionString parse(String text) {
        int queryStart = text.indexOf('?');
        String query = queryStart < 0 ? "" : text.substring(queryStart + 1);
        String beforeQuery = queryStart < 0 ? text : text.substring(0, queryStart);
        int pathStart = beforeQuery.indexOf('/');
        String authority = pathStart < 0 ? beforeQuery : beforeQuery.substring(0, pathStart);
        String database = pathStart < 0 ? "" : beforeQuery.substring(pathStart + 1);
        if (database.contains("@")) {
            throw invalid(
                    "has an @ after the host; percent-encode special characters of user and password (/ as %2F) and of"
                            + " the database (@ as %40)");
        }
        int at = authority.lastIndexOf('@');
        String hosts = authority.substring(at + 1);
        for (String host : hosts.split(",", -1)) {
            if (!HOST.matcher(host).matches()) {
                throw invalid("contains an invalid host or port; percent-encode special characters of user and password"
                        + " (/ as %2F, ? as %3F, # as %23)");
            }
        }
        String[] user = at < 0 ? new String[0] : authority.substring(0, at).split(":", 2);
        ConnectionParameters parameters = ConnectionParameters.of(query);
        String username = user.length > 0 && !user[0].isEmpty() ? decoded(user[0]) : parameters.user();
        String password = user.length > 1 ? decoded(user[1]) : parameters.password();
        String url = "jdbc:postgresql://" + (hosts.isEmpty() ? "localhost" : hosts) + "/"
                + (database.isEmpty() && username != null ? encoded(username) : database.replace("+", "%2B"))
                + (parameters.forDriver().isEmpty() ? "" : "?" + String.join("&", parameters.forDriver()));
        return new ConnectionString(requireDriverAccepts(url), username, password);
    }

    static String decoded(String text) {
        try {
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw invalid("contains a % that is not followed by two hexadecimal digits; write % as %25");
        }
    }

    static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    static InvalidConfigException invalid(String problem) {
        return new InvalidConfigException("connectionString", problem);
    }
}
