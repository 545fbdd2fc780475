package io.synckit.postgres;

import io.synckit.InvalidConfigException;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The database to connect to: in pgjdbc's form, {@code jdbc:postgresql://…}, or in libpq's, {@code
 * postgres://user:password@host:5432,other:5432/database?sslmode=require} (as in Go, and as many platforms hand it out). Never shown in
 * messages, since it may hold a password.
 *
 * @param url pgjdbc's form, without user and password
 */
record ConnectionString(
        String url, @Nullable String username, @Nullable String password) {

    private static final Logger log = LoggerFactory.getLogger(ConnectionString.class);

    private static final Pattern HOST = Pattern.compile("(\\[[0-9a-fA-F:.%]+]|[^\\[\\]:/@?#\\s]*)(:[0-9]{1,5})?");

    private static final Pattern AUTHORITY_WITH_USER = Pattern.compile("^jdbc:postgresql://[^/?]*@");

    private static final Pattern PARAMETER = Pattern.compile("[A-Za-z_]+");

    /** Parameters of libpq that pgjdbc has under another name. */
    private static final Map<String, String> RENAMED = Map.of(
            "application_name", "ApplicationName",
            "channel_binding", "channelBinding",
            "connect_timeout", "connectTimeout",
            "gssencmode", "gssEncMode",
            "keepalives", "tcpKeepAlive",
            "krbsrvname", "kerberosServerName",
            "sslnegotiation", "sslNegotiation");

    private static final Map<String, String> SESSION_TARGETS = Map.of(
            "any", "any",
            "primary", "primary",
            "read-write", "primary",
            "standby", "secondary",
            "read-only", "secondary",
            "prefer-standby", "preferSecondary");

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
        Parameters parameters = Parameters.of(query);
        String username = user.length > 0 && !user[0].isEmpty() ? decoded(user[0]) : parameters.user;
        String password = user.length > 1 ? decoded(user[1]) : parameters.password;
        String url = "jdbc:postgresql://" + (hosts.isEmpty() ? "localhost" : hosts) + "/"
                + (database.isEmpty() && username != null ? encoded(username) : database.replace("+", "%2B"))
                + (parameters.forDriver.isEmpty() ? "" : "?" + String.join("&", parameters.forDriver));
        return new ConnectionString(requireDriverAccepts(url), username, password);
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw invalid("contains a % that is not followed by two hexadecimal digits; write % as %25");
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static InvalidConfigException invalid(String problem) {
        return new InvalidConfigException("connectionString", problem);
    }

    /** What stands behind the question mark. */
    private static final class Parameters {

        private final List<String> forDriver = new ArrayList<>();
        private @Nullable String user;
        private @Nullable String password;

        static Parameters of(String query) {
            Parameters parameters = new Parameters();
            for (String part : query.split("&")) {
                if (!part.isEmpty()) {
                    int equals = part.indexOf('=');
                    parameters.add(
                            decoded(equals < 0 ? part : part.substring(0, equals)),
                            equals < 0 ? "" : decoded(part.substring(equals + 1)));
                }
            }
            return parameters;
        }

        private void add(String name, String value) {
            if (!PARAMETER.matcher(name).matches()) {
                throw invalid(
                        "has a parameter with an invalid name; percent-encode special characters of user and password"
                                + " (/ as %2F, ? as %3F, # as %23)");
            }
            switch (name) {
                case "host", "hostaddr", "port", "dbname", "service" ->
                    throw invalid(
                            "has the parameter " + name
                                    + ", which is not supported there; write hosts, ports and database before the question mark");
                case "user" -> user = value;
                case "password" -> password = value;
                case "target_session_attrs" -> {
                    String target = SESSION_TARGETS.get(value);
                    if (target == null) {
                        throw invalid("has target_session_attrs=" + value + "; possible are "
                                + SESSION_TARGETS.keySet().stream().sorted().toList());
                    }
                    forDriver("targetServerType", target);
                }
                case "keepalives" -> forDriver("tcpKeepAlive", value.equals("0") ? "false" : "true");
                default -> {
                    String renamed = RENAMED.getOrDefault(name, name);
                    if (!PhysicalConnections.isParameter(renamed)) {
                        log.warn(
                                "connection.parameter-unknown: the parameter '{}' of the connection string is not known to"
                                        + " PostgreSQL's JDBC driver and has no effect",
                                Texts.printable(name));
                    } else {
                        forDriver(renamed, value);
                    }
                }
            }
        }

        private void forDriver(String name, String value) {
            forDriver.add(name + "=" + encoded(value));
        }
    }
}
