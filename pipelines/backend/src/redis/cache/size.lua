-- Counts a tenant's answers and their bytes. KEYS: its index. ARGV: prefix of answers.
local entries, bytes = 0, 0
for _, question in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local length = redis.call('HSTRLEN', ARGV[1] .. question, 'body')
  if length > 0 then
    entries = entries + 1
    bytes = bytes + length
  end
end
return {entries, bytes}
