package io.synckit.postgres.boot.autoconfigure.business;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.PostPersist;

/** A row of the application. */
@Entity(name = "business_row")
public class BusinessRow {

    private static volatile Runnable onPersist = () -> {};

    @Id
    private String id;

    protected BusinessRow() {}

    public BusinessRow(String id) {
        this.id = id;
    }

    /** Sets what runs after each insert of a row. */
    public static void onPersist(Runnable action) {
        onPersist = action;
    }

    @PostPersist
    void persisted() {
        onPersist.run();
    }
}
