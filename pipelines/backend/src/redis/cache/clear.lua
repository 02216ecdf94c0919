-- Removes every answer of a tenant. KEYS: its index. ARGV: prefix of answers.
local questions = redis.call('ZRANGE', KEYS[1], 0, -1)
local removed = 0
for _, question in ipairs(questions) do
  removed = removed + redis.call('UNLINK', ARGV[1] .. question)
end
redis.call('UNLINK', KEYS[1])
return removed
