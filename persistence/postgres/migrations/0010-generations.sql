-- How often a partner's secrets have been replaced. A rotation names the generation it goes from, so
-- of two at once one finds it gone; and calls signed with an older one's secret are refused.
-- depends: 0008-sandbox

ALTER TABLE partners ADD COLUMN generation integer NOT NULL DEFAULT 0;

-- Going back would let a replaced secret's calls in again, wherever it is still cached.
CREATE FUNCTION generation_only_rises() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a generation of secrets never goes back';
END
$$;
CREATE TRIGGER generation_only_rises BEFORE UPDATE OF generation ON partners
  FOR EACH ROW WHEN (NEW.generation < OLD.generation) EXECUTE FUNCTION generation_only_rises();

GRANT UPDATE (generation) ON partners TO swapgate_gateway;
