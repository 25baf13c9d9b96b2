-- A change that cannot be captured leaves a mark instead of failing. The comparison is inside the block, because it can
-- fail too. So this function is also called for changes of noise.
CREATE FUNCTION aftercommit.capture() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
SET bytea_output = 'hex' SET extra_float_digits = '1'
AS $capture$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - TG_ARGV[1]::text[] = to_jsonb(NEW) - TG_ARGV[1]::text[] THEN
        RETURN NULL;
    END IF;
    INSERT INTO aftercommit.row_change (relation, operation, old, new) VALUES (
        TG_ARGV[0], TG_OP,
        CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END
    );
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    BEGIN
        INSERT INTO aftercommit.row_change (relation, operation) VALUES (TG_ARGV[0], 'GAP');
    EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'aftercommit: a change of % was not captured (%)', TG_ARGV[0], SQLSTATE;
    END;
    RETURN NULL;
END $capture$;
