-- Admits calls: burns each call's nonce and charges its weight, in one atomic step.
--
-- KEYS  for each call: its partner's window, its nonce, its partner's newest generation of secrets
-- ARGV  for each call: the partner's budget, the call's weight, the generation that signed it
-- Returns for each call: verdict (0 admitted, 1 replayed, 2 limited, 3 stale), weight left,
-- milliseconds until the oldest entry ages out (admitted) or until this very call would be admitted
-- (limited).
--
-- A stale call is signed with a secret that has been replaced: its nonce isn't burnt. A generation
-- that isn't known here has been the newest for long, or was lost with this store: the caller's is
-- trusted then. A call that weighs 0 only asks: the newest generation, or -1, is the weight left.
--
-- A window is a list of "<ms> <before> <after>": when weight was admitted, and the cumulative
-- weight before and after it. What is in use is the last `after` less the first `before`. Every
-- loop is bounded by the list's length, and each entry is dropped once.

local WINDOW_MS = 60000
local NONCE_SECONDS = 300
local time = server.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local horizon = now - WINDOW_MS

local function entry(window, index)
  local text = server.call('LINDEX', window, index)
  if not text then
    return nil
  end
  local ms, before, after = string.match(text, '^(%d+) (%d+) (%d+)$')
  return tonumber(ms), tonumber(before), tonumber(after)
end

local function first_in_window(window)
  for _ = 1, server.call('LLEN', window) do
    local ms, before = entry(window, 0)
    if ms > horizon then
      return ms, before
    end
    server.call('LPOP', window)
  end
  return nil
end

local function wait_for(window, before, excess)
  for index = 0, server.call('LLEN', window) - 1 do
    local ms, _, after = entry(window, index)
    if after - before >= excess then
      return ms + WINDOW_MS - now
    end
  end
  return WINDOW_MS
end

local function charge(window, budget, weight)
  local last_ms, last_before, base = entry(window, -1)
  local first_ms, first_before = now, 0
  if last_ms and last_ms > horizon then
    first_ms, first_before = first_in_window(window)
  else
    server.call('DEL', window)
    last_ms, base = nil, 0
  end
  local used = base - first_before
  if used + weight > budget then
    return 2, math.max(budget - used, 0), wait_for(window, first_before, used + weight - budget)
  end
  if last_ms == now then
    server.call('LSET', window, -1, string.format('%d %d %d', now, last_before, base + weight))
  else
    server.call('RPUSH', window, string.format('%d %d %d', now, base, base + weight))
    if not last_ms or math.floor(last_ms / 1000) ~= math.floor(now / 1000) then
      server.call('PEXPIRE', window, WINDOW_MS + 2000)
    end
  end
  return 0, budget - used - weight, first_ms + WINDOW_MS - now
end

local verdicts = {}
for i = 1, #KEYS, 3 do
  local verdict, left, wait = 1, 0, 0
  local newest = server.call('GET', KEYS[i + 2])
  if ARGV[i + 1] == '0' then
    verdict, left = 0, tonumber(newest or -1)
  elseif newest and tonumber(newest) > tonumber(ARGV[i + 2]) then
    verdict = 3
  elseif server.call('SET', KEYS[i + 1], '', 'NX', 'EX', NONCE_SECONDS) then
    verdict, left, wait = charge(KEYS[i], tonumber(ARGV[i]), tonumber(ARGV[i + 1]))
  end
  verdicts[#verdicts + 1] = verdict
  verdicts[#verdicts + 1] = left
  verdicts[#verdicts + 1] = wait
end
return verdicts
