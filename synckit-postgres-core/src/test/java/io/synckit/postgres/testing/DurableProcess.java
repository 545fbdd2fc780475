package io.synckit.postgres.testing;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.subscription.EventSubscriptions;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A process with durable subscriptions, within this JVM: a listener and a pool of its own. It can die as after {@code kill -9}, as far as
 * the server sees it, or lose its listener's connection and continue.
 */
public final class DurableProcess implements AutoCloseable {

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final TestDatabase database;
    private final String name = "process-" + COUNT.incrementAndGet();
    private final HikariDataSource pool;
    private final ConnectionSource connections;
    private final NotificationListener listener;
    private final AtomicReference<Runnable> beforeBorrow = new AtomicReference<>(() -> {});
    private final AtomicBoolean losesAnswer = new AtomicBoolean();
    private volatile boolean dead;
    private volatile boolean deaf;

    public DurableProcess(TestDatabase database) {
        this(database, builder -> builder);
    }

    public DurableProcess(TestDatabase database, UnaryOperator<NotificationListenerBuilder> settings) {
        this.database = database;
        this.pool = TestPostgres.pool(database.url("ApplicationName=" + name));
        this.connections = gated(ConnectionSource.of(losing(pool)));
        PGSimpleDataSource physical = new PGSimpleDataSource();
        physical.setUrl(database.url());
        physical.setApplicationName(name + "-listener");
        this.listener = settings.apply(NotificationListener.builder(
                                gated(physical, () -> dead || deaf), connections, JsonCodecs.jackson())
                        .processName(name)
                        .withReconnectSettings(Duration.ofMillis(200), 10)
                        .ownerTimeout(Duration.ofSeconds(3))
                        .closeTimeout(Duration.ofSeconds(10)))
                .build();
        listener.start();
    }

    private ConnectionSource gated(ConnectionSource source) {
        return new ConnectionSource() {
            @Override
            public Borrowed borrow() throws SQLException {
                beforeBorrow.get().run();
                if (dead) {
                    throw new SQLException("this process is dead", "08006");
                }
                return source.borrow();
            }

            @Override
            public Borrowed borrowAlone() throws SQLException {
                beforeBorrow.get().run();
                if (dead) {
                    throw new SQLException("this process is dead", "08006");
                }
                return source.borrowAlone();
            }

            @Override
            public boolean inCallersTransaction() {
                return source.inCallersTransaction();
            }

            @Override
            public void afterCommit(Runnable action) {
                source.afterCommit(action);
            }

            @Override
            public boolean hasTransactions() {
                return true;
            }

            @Override
            public <R> R inTransaction(Callable<R> work) throws Exception {
                if (dead) {
                    throw new SQLException("this process is dead", "08006");
                }
                return source.inTransaction(work);
            }
        };
    }

    private DataSource losing(DataSource source) {
        return (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    Object result = invoke(source, method, arguments);
                    boolean loses = result instanceof Connection
                            && !isOnCoordinatorThread()
                            && losesAnswer.compareAndSet(true, false);
                    return loses ? losing((Connection) result) : result;
                });
    }

    private static Connection losing(Connection connection) {
        return (Connection) Proxy.newProxyInstance(
                Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    Object result = invoke(connection, method, arguments);
                    if (method.getName().equals("commit")) {
                        throw new SQLException("the answer is lost", "08006");
                    }
                    return result;
                });
    }

    private static Object invoke(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static DataSource gated(DataSource source, Callable<Boolean> closed) {
        return (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    if (method.getReturnType() == Connection.class && closed.call()) {
                        throw new SQLException("the way to the server is closed", "08001");
                    }
                    return invoke(source, method, arguments);
                });
    }

    /** Returns whether the calling thread claims and gives up partitions. For use in {@link #beforeBorrow}. */
    public static boolean isOnCoordinatorThread() {
        return Thread.currentThread().getName().startsWith("synckit-durable-");
    }

    public String name() {
        return name;
    }

    public EventSubscriptions subscriptions() {
        return listener.subscriptions();
    }

    public NotificationListener listener() {
        return listener;
    }

    public ConnectionSource connections() {
        return connections;
    }

    /** Runs an action each time before a connection of the pool is borrowed. */
    public void beforeBorrow(Runnable action) {
        beforeBorrow.set(action);
    }

    /** The next connection that a partition borrows commits once, but the answer of that commit is lost. */
    public void loseAnswerOfACommit() {
        losesAnswer.set(true);
    }

    /** Ends all sessions at once. Nothing of this process reaches the server any more. */
    public void die() {
        dead = true;
        terminate(name, name + "-listener");
    }

    /** Waits until another thread has called {@link #die}, and no session is left. Ends sessions that the pool has opened since. */
    public void awaitDeath() {
        Await.until(() -> dead && terminate(name, name + "-listener") == 0);
    }

    /** The listener's connection, which holds the lock of the process, ends. The rest continues. */
    public void loseListener() {
        deaf = true;
        terminate(name + "-listener");
    }

    /** The listener can connect again. */
    public void findListener() {
        deaf = false;
    }

    private int terminate(String... applications) {
        return Integer.parseInt(database.query("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                + " where datname = current_database() and application_name in ('"
                + String.join("', '", applications) + "')"));
    }

    @Override
    public void close() {
        listener.close();
        pool.close();
    }
}
