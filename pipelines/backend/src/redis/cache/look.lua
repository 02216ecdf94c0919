-- A fresh answer, or what is stale of it and a lease for a new one.
-- KEYS: answer, tag. ARGV: lease, its milliseconds, member of the tag, members at most, prefix of answers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'body', 'stored', 'fresh')
local age = kept[1] and math.max(0, now - tonumber(kept[2])) or 0
if kept[1] and tonumber(kept[3]) > now then
  return {1, age, kept[1]}
end
local ends = now + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'lease', ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIREAT', KEYS[1], ends)
end
-- The tag forgets members whose answer has gone by now, and outlives every other one.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], 'GT', ends, ARGV[3])
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[4]) do
  local member = redis.call('ZPOPMIN', KEYS[2])[1]
  local length, rest = string.match(member, '^%d+ %d+ (%d+) (.*)$')
  redis.call('UNLINK', ARGV[5] .. string.sub(rest, tonumber(length) + 1))
end
if redis.call('PTTL', KEYS[2]) < 0 then
  redis.call('PEXPIREAT', KEYS[2], ends)
else
  redis.call('PEXPIREAT', KEYS[2], ends, 'GT')
end
return {0, age, kept[1]}
