package io.synckit;

import io.synckit.internal.Texts;

/** The stream version of the aggregate is not as expected. Nothing is stored, and the transaction of the caller stays usable. */
public class WrongExpectedVersionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final String aggregateId;
    private final String expected;
    private final long actual;

    public WrongExpectedVersionException(String aggregateId, ExpectedStreamVersion expected, long actual) {
        super("Aggregate '" + Texts.printable(aggregateId) + "' is at stream version " + actual
                + (actual == 0 ? " (no event)" : "") + ", expected: " + expected
                + "; load the aggregate again, decide again and retry");
        this.aggregateId = aggregateId;
        this.expected = expected.toString();
        this.actual = actual;
    }

    /** Returns the aggregate. */
    public String aggregateId() {
        return aggregateId;
    }

    /** Returns the expectation as text. */
    public String expected() {
        return expected;
    }

    /** Returns the actual stream version; 0 if the aggregate has no event. */
    public long actual() {
        return actual;
    }
}
