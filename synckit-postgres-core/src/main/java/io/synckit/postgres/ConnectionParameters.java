package io.synckit.postgres;

import io.synckit.internal.Texts;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The parameters of a connection string: what stands behind the question mark. */
final class ConnectionParameters {

    private static final Logger log = LoggerFactory.getLogger(ConnectionParameters.class);

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

    private final List<String> forDriver = new ArrayList<>();
    private @Nullable String user;
    private @Nullable String password;

    static ConnectionParameters of(String query) {
        ConnectionParameters parameters = new ConnectionParameters();
        for (String part : query.split("&")) {
            if (!part.isEmpty()) {
                int equals = part.indexOf('=');
                parameters.add(
                        ConnectionString.decoded(equals < 0 ? part : part.substring(0, equals)),
                        equals < 0 ? "" : ConnectionString.decoded(part.substring(equals + 1)));
            }
        }
        return parameters;
    }

    private void add(String name, String value) {
        if (!PARAMETER.matcher(name).matches()) {
            throw ConnectionString.invalid(
                    "has a parameter with an invalid name; percent-encode special characters of user and password"
                            + " (/ as %2F, ? as %3F, # as %23)");
        }
        switch (name) {
            case "host", "hostaddr", "port", "dbname", "service" ->
                throw ConnectionString.invalid("has the parameter " + name
                        + ", which is not supported there; write hosts, ports and database before the question mark");
            case "user" -> user = value;
            case "password" -> password = value;
            case "target_session_attrs" -> {
                String target = SESSION_TARGETS.get(value);
                if (target == null) {
                    throw ConnectionString.invalid("has target_session_attrs=" + value + "; possible are "
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
        forDriver.add(name + "=" + ConnectionString.encoded(value));
    }

    /** Returns the user, if it is a parameter. */
    @Nullable String user() {
        return user;
    }

    /** Returns the password, if it is a parameter. */
    @Nullable String password() {
        return password;
    }

    /** Returns the parameters that the driver knows, encoded, as {@code name=value}. */
    List<String> forDriver() {
        return forDriver;
    }
}
