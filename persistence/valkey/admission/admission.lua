#!lua flags=allow-cross-slot-keys
-- Admits calls: consumes each call's nonce and charges its weight, in one atomic step.
--
-- ARGV  one string: for each call three big-endian unsigned integers, the partner's budget and the
--       call's weight (4 bytes each), and the revision of the record that it was checked against (8);
--       then for each call four keys: since when all nonces are remembered (in milliseconds), its
--       partner's window, its partner's newest revision, its nonce. The keys of a call are in one slot
--       of a cluster, those of several calls in slots of one server.
-- Returns one string: for each call three big-endian integers, outcome (4 bytes: 0 admitted,
-- 1 replayed, 2 limited, 3 stale, 4 nonces lost, 5 moved), weight remaining (8), and milliseconds (4)
-- until the oldest entry expires (admitted), until this very call would be admitted (limited), or until
-- all nonces are remembered again (nonces lost).
--
-- Where the time is missing since when nonces are remembered, they were lost with the store's data:
-- calls are treated as always, but none is admitted until whatever was lost has expired.
--
-- While a slot moves to another server, and afterwards, its calls have moved: they change nothing.
-- Nonces are new keys, so the first command on a nonce already fails during such a move.
--
-- A stale call was checked against a record of its partner that has been changed since: its nonce is
-- not consumed. Where no revision is stored, the newest one has been known to all workers for long, or
-- this store lost it, and the nonces with it: nothing is admitted then until all workers have read all
-- changes. A call of weight 0 only reads: the weight remaining is then the newest revision, or -1, and
-- the wait that until all nonces are remembered again.
--
-- A window is a list of "<ms> <before> <after>", each a double of 8 bytes: when weight was admitted,
-- and the cumulative weight before and after it. The weight in use is the last `after` less the first
-- `before`. Every loop is bounded by the list's length, and each entry is removed once. All weight
-- that one run admits to a window is one entry, written at the end of the run.

local WINDOW_MS = 60000
local NONCE_SECONDS = 300
local ENTRY = '>ddd'
local time = server.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local horizon = now - WINDOW_MS

local function recovery_of(key)
  local stored = server.pcall('GET', key)
  if type(stored) == 'table' then
    return nil
  end
  local since = tonumber(stored or nil)
  if not since or since > now then
    since = now
    local written = server.pcall('SET', key, string.format('%d', now))
    if written.err then
      return nil
    end
  end
  return math.max(since + NONCE_SECONDS * 1000 - now, 0)
end

local function entry(key, index)
  local packed = server.call('LINDEX', key, index)
  if not packed then
    return nil
  end
  return struct.unpack(ENTRY, packed)
end

local function first_in_window(key)
  for _ = 1, server.call('LLEN', key) do
    local ms, before = entry(key, 0)
    if ms > horizon then
      return ms, before
    end
    server.call('LPOP', key)
  end
  return nil
end

-- A window during this run. `stored` is the cumulative weight that is written, `total` includes what
-- this run has admitted.
local function window_of(key)
  local last_ms, last_before, total = entry(key, -1)
  local first_ms, first_before = now, 0
  if last_ms and last_ms > horizon then
    first_ms, first_before = first_in_window(key)
  else
    server.call('DEL', key)
    last_ms, total = nil, 0
  end
  return {
    key = key, first_ms = first_ms, first_before = first_before,
    last_ms = last_ms, last_before = last_before, stored = total, total = total,
  }
end

local function write(window)
  if window.total == window.stored then
    return
  end
  local last_ms, before = window.last_ms, window.stored
  if last_ms == now then
    before = window.last_before
    server.call('LSET', window.key, -1, struct.pack(ENTRY, now, before, window.total))
  else
    server.call('RPUSH', window.key, struct.pack(ENTRY, now, before, window.total))
    if not last_ms or math.floor(last_ms / 1000) ~= math.floor(now / 1000) then
      server.call('PEXPIRE', window.key, WINDOW_MS + 2000)
    end
  end
  window.last_ms, window.last_before, window.stored = now, before, window.total
end

local function wait_for(window, excess)
  write(window)
  for index = 0, server.call('LLEN', window.key) - 1 do
    local ms, _, after = entry(window.key, index)
    if after - window.first_before >= excess then
      return ms + WINDOW_MS - now
    end
  end
  return WINDOW_MS
end

local function charge(window, budget, weight)
  local used = window.total - window.first_before
  if used + weight > budget then
    return 2, math.max(budget - used, 0), wait_for(window, used + weight - budget)
  end
  window.total = window.total + weight
  return 0, budget - used - weight, window.first_ms + WINDOW_MS - now
end

-- Returns whether a nonce is new, or nil for a slot that moves.
local function consume(nonce)
  local stored = server.pcall('SET', nonce, '', 'NX', 'EX', NONCE_SECONDS)
  if stored and stored.err then
    return nil
  end
  return stored and true or false
end

local windows, revisions, recoveries, replies, offset = {}, {}, {}, {}, 1
for i = 2, #ARGV, 4 do
  local budget, weight, revision
  budget, weight, revision, offset = struct.unpack('>I4I4I8', ARGV[1], offset)
  local recovery = recoveries[ARGV[i]]
  if recovery == nil then
    recovery = recovery_of(ARGV[i]) or -1
    recoveries[ARGV[i]] = recovery
  end
  local key = ARGV[i + 1]
  local newest = revisions[key]
  if newest == nil and recovery >= 0 then
    newest = server.pcall('GET', ARGV[i + 2])
    if type(newest) == 'table' then
      recovery = -1
    else
      newest = tonumber(newest or -1)
      revisions[key] = newest
    end
  end
  local outcome, remaining, wait, is_new = 1, 0, 0, nil
  if recovery < 0 then
    outcome = 5
  elseif weight == 0 then
    outcome, remaining, wait = 0, newest, recovery
  elseif newest > revision then
    outcome = 3
  else
    is_new = consume(ARGV[i + 3])
    if is_new == nil then
      outcome = 5
    elseif is_new then
      local window = windows[key]
      if not window then
        window = window_of(key)
        windows[key] = window
      end
      outcome, remaining, wait = charge(window, budget, weight)
      if outcome == 0 and recovery > 0 then
        outcome, wait = 4, recovery
      end
    end
  end
  replies[#replies + 1] = struct.pack('>i4i8i4', outcome, remaining, wait)
end
for _, window in pairs(windows) do
  write(window)
end
return table.concat(replies)
