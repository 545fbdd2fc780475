package io.synckit;

/** The schema was made by a newer version of the library. */
public class NewerSchemaException extends SchemaMismatchException {

    private static final long serialVersionUID = 1;

    public NewerSchemaException(String message) {
        super(message);
    }
}
