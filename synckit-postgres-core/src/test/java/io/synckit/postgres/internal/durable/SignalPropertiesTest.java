package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThatCode;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Everybody who may connect can send a notification. */
class SignalPropertiesTest {

    private static final Signals.Receiver RECEIVER = new Signals.Receiver() {
        @Override
        public void ownersChanged() {}

        @Override
        public void busy() {}

        @Override
        public void command(String subscription) {}

        @Override
        public void waits(String subscription, long version) {}

        @Override
        public void reached(String subscription) {}
    };

    @Property
    void anyPayloadIsUnderstoodOrIgnored(@ForAll("payloads") String payload) {
        assertThatCode(() -> Signals.dispatch(payload, RECEIVER)).doesNotThrowAnyException();
    }

    @Provide
    Arbitrary<String> payloads() {
        Arbitrary<String> rest = Arbitraries.oneOf(
                Arbitraries.strings(),
                Arbitraries.strings().withChars("0123456789\n-+ ab").ofMaxLength(30));
        return Arbitraries.oneOf(
                rest,
                rest.map(text -> "changed\n" + text),
                rest.map(text -> "command\n" + text),
                rest.map(text -> "wait\n" + text),
                rest.map(text -> "reached\n" + text));
    }
}
