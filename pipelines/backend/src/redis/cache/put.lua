-- Keeps an answer: fresh with its lease, as a stale one when a commit took the lease away.
-- KEYS: answer, tag, index of the tenant. ARGV: lease, body, fresh ms, stale ms, member of the tag, question, answers at most, prefix of answers.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'lease', 'fresh')
local mine = kept[1] == ARGV[1]
if not mine and (kept[1] or (kept[2] and tonumber(kept[2]) > now)) then
  return 0
end
local fresh = mine and now + tonumber(ARGV[3]) or 0
local ends = math.max(now, fresh) + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'body', ARGV[2], 'stored', now, 'fresh', fresh)
redis.call('HDEL', KEYS[1], 'lease')
redis.call('PEXPIREAT', KEYS[1], ends)
local function enlist(key, member)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZADD', key, ends, member)
  if redis.call('PTTL', key) < 0 then
    redis.call('PEXPIREAT', key, ends)
  else
    redis.call('PEXPIREAT', key, ends, 'GT')
  end
end
if mine then
  enlist(KEYS[2], ARGV[5])
end
enlist(KEYS[3], ARGV[6])
while redis.call('ZCARD', KEYS[3]) > tonumber(ARGV[7]) do
  redis.call('UNLINK', ARGV[8] .. redis.call('ZPOPMIN', KEYS[3])[1])
end
return mine and 1 or 0
