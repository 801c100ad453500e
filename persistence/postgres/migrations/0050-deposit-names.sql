-- Standard names for deposits: a late one arrived after its order could use it, a dropped one is no
-- longer on its chain. Functions on order states and counters say what they return.
-- depends: 0047-definer-search-path

ALTER TABLE deposits RENAME COLUMN stray TO late;
ALTER TABLE deposits RENAME COLUMN vanished TO dropped;
ALTER INDEX deposits_stray RENAME TO deposits_late;
COMMENT ON COLUMN deposits.late IS
  'Arrived after the order could use it: for the operator to handle.';
COMMENT ON COLUMN deposits.dropped IS
  'Neither on its chain nor pending any more: replaced, or its block was orphaned.';

ALTER FUNCTION came_to_nothing RENAME TO ended_without_payout;
ALTER FUNCTION part_of_session RENAME TO counter_part;
COMMENT ON FUNCTION ended_without_payout IS 'Whether an order in this state never pays out.';
COMMENT ON FUNCTION counter_part IS
  'Which of the 16 parts of a counter this session increments, so that sessions rarely collide.';

-- Functions that call those two by name are replaced by themselves with the new names, whatever
-- other migrations have made of them.
DO $$
DECLARE
  definition text;
BEGIN
  FOR definition IN
    SELECT pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND p.prosrc ~ '\m(came_to_nothing|part_of_session)\('
  LOOP
    definition := replace(definition, 'public.came_to_nothing(', 'public.ended_without_payout(');
    EXECUTE replace(definition, 'public.part_of_session(', 'public.counter_part(');
  END LOOP;
END
$$;
