-- It inserts and does nothing else. The settings on which the text of a value depends are fixed, so that equal values
-- have equal texts, whatever the session.
CREATE FUNCTION aftercommit.capture() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
SET bytea_output = 'hex' SET extra_float_digits = '1'
AS $capture$
BEGIN
    INSERT INTO aftercommit.row_change (relation, operation, old, new) VALUES (
        TG_ARGV[0], TG_OP,
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END
    );
    RETURN NULL;
END $capture$;
