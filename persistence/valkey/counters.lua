-- Counts calls in all windows of their bounds, or in none: as many as every bound admits.
--
-- ARGV  one string: three big-endian unsigned integers of 4 bytes, the calls wanted, the number of
--       bounds of the caller's own, and that of the bounds which always apply; then for each bound its
--       limit (4 bytes), the part of its window that is still to come (a double), and after how many
--       seconds its counter expires (4 bytes); then for each bound two keys, of the counters of its
--       current window and of the previous one
-- Returns one string of big-endian integers of 4 bytes: the calls admitted, then for each bound the
-- calls in its current window and in the previous one.
--
-- The bounds after those that always apply are the ones of returning callers: of whom anything is
-- counted in a bound of their own. Of a new caller one call is admitted, if there are such bounds: the
-- next one is of a returning caller.

local wanted, own, always, offset = struct.unpack('>I4I4I4', ARGV[1])
local bounds, admitted, is_returning = {}, wanted, false
for index = 1, (#ARGV - 1) / 2 do
  local bound = {
    key = ARGV[2 * index],
    current = tonumber(server.call('GET', ARGV[2 * index]) or 0),
    previous = tonumber(server.call('GET', ARGV[2 * index + 1]) or 0),
  }
  bound.limit, bound.left, bound.expiry, offset = struct.unpack('>I4dI4', ARGV[1], offset)
  if index <= own and bound.current + bound.previous > 0 then
    is_returning = true
  end
  bounds[index] = bound
end
if not is_returning and #bounds > always then
  admitted = 1
end
local function applies(index)
  return index <= always or is_returning
end
for index, bound in ipairs(bounds) do
  if applies(index) then
    admitted = math.min(admitted, math.floor(bound.limit - bound.previous * bound.left - bound.current))
  end
end
admitted = math.max(admitted, 0)
local replies = { struct.pack('>I4', admitted) }
for index, bound in ipairs(bounds) do
  if admitted > 0 and applies(index) then
    bound.current = server.call('INCRBY', bound.key, admitted)
    if bound.current == admitted then
      server.call('EXPIRE', bound.key, bound.expiry)
    end
  end
  replies[#replies + 1] = struct.pack('>I4I4', bound.current, bound.previous)
end
return table.concat(replies)
