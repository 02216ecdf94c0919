-- Makes stale what is listed under some tags and overlaps a stretch of time; takes leases away.
-- KEYS: tags of names, last the tag of all others. ARGV: from, to, prefix of answers, the names.
local from, to = tonumber(ARGV[1]), tonumber(ARGV[2])
local forgotten = 0
local function begins_so(prefix)
  if prefix == '' then
    return true
  end
  for at = 4, #ARGV do
    if string.sub(ARGV[at], 1, #prefix) == prefix then
      return true
    end
  end
  return false
end
for at, tag in ipairs(KEYS) do
  for _, member in ipairs(redis.call('ZRANGE', tag, 0, -1)) do
    local first, last, length, rest = string.match(member, '^(%d+) (%d+) (%d+) (.*)$')
    local prefix = string.sub(rest, 1, tonumber(length))
    if tonumber(first) < to and from < tonumber(last) and (at < #KEYS or begins_so(prefix)) then
      local answer = ARGV[3] .. string.sub(rest, tonumber(length) + 1)
      -- Nothing is made that was gone: it would stay for ever.
      if redis.call('EXISTS', answer) == 1 then
        redis.call('HDEL', answer, 'lease')
        if redis.call('HEXISTS', answer, 'body') == 1 then
          redis.call('HSET', answer, 'fresh', 0)
        end
        forgotten = forgotten + 1
      end
      redis.call('ZREM', tag, member)
    end
  end
end
return forgotten
