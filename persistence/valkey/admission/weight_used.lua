-- Returns how much weight a window has admitted, and when the oldest of it expires; changes nothing.
--
-- KEYS  the partner's window, as admission.lua writes it
-- Returns weight used, and milliseconds until the first of it is free again (0 where none is used).

local WINDOW_MS = 60000
local time = server.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function entry(index)
  local packed = server.call('LINDEX', KEYS[1], index)
  if not packed then
    return nil
  end
  return struct.unpack('>ddd', packed)
end

local last_ms, _, total = entry(-1)
if not last_ms or last_ms <= now - WINDOW_MS then
  return {0, 0}
end
-- Entries are in chronological order: the first that still counts is found by binary search.
local low, high = 0, server.call('LLEN', KEYS[1]) - 1
while low < high do
  local middle = math.floor((low + high) / 2)
  if entry(middle) > now - WINDOW_MS then
    high = middle
  else
    low = middle + 1
  end
end
local first_ms, before = entry(low)
return {total - before, first_ms + WINDOW_MS - now}
