package io.synckit.postgres.boot.autoconfigure.business;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;

/** A row of the application's. */
@Entity(name = "business_row")
public class BusinessRow {

    @Id
    private String id;

    protected BusinessRow() {}

    public BusinessRow(String id) {
        this.id = id;
    }
}
