package io.synckit;

/** A newer version of the library has migrated the schema. */
public class NewerSchemaException extends SchemaMismatchException {

    private static final long serialVersionUID = 1;

    public NewerSchemaException(String message) {
        super(message);
    }
}
