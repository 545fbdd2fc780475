package io.synckit.sample.consumers;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

/** Stands for the mail server of the shop. It can be made to fail. It ignores a mail with a key that it has sent already. */
@Component
class MailServer {

    private static final Logger log = LoggerFactory.getLogger(MailServer.class);

    private final Set<String> sent = ConcurrentHashMap.newKeySet();
    private volatile boolean failing;

    void send(String customer, String text, String key) {
        if (failing) {
            throw new IllegalStateException("the mail server does not answer");
        }
        if (sent.add(key)) {
            log.info("mail.sent: to={} text={}", customer, text);
        }
    }

    int sent() {
        return sent.size();
    }

    boolean isFailing() {
        return failing;
    }

    void fail(boolean fails) {
        failing = fails;
    }
}
