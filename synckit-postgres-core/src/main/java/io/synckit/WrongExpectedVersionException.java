package io.synckit;

/** The aggregate is not as the append expected. Nothing is stored, and the caller's transaction stays usable. */
public class WrongExpectedVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String aggregateId;
    private final String expected;
    private final long actual;

    public WrongExpectedVersionException(String aggregateId, ExpectedStreamVersion expected, long actual) {
        super("Aggregate '" + EventLimits.printable(aggregateId) + "' is at stream version " + actual
                + (actual == 0 ? " (no event)" : "") + ", expected: " + expected
                + "; load the aggregate again and repeat the decision");
        this.aggregateId = aggregateId;
        this.expected = expected.toString();
        this.actual = actual;
    }

    public String aggregateId() {
        return aggregateId;
    }

    /** The expectation as text. */
    public String expected() {
        return expected;
    }

    /** The stream version that the aggregate has; 0 if it has no event. */
    public long actual() {
        return actual;
    }
}
