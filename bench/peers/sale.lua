-- A purchase as the engine decides it: the same request gets the same answer, another content under
-- its id is a conflict; opening times, highest price, stock, limit per buyer; the order goes to a
-- stream. All in one script, so that nothing comes between, and with as few calls as it takes.
--
-- ARGV: now, then for each request: id, sku, buyer, quantity, highest price (0: any), channel.
-- Answers one line a request: `A` order id, price and quantity, or the refusal.
--
-- s<sku>: {stock, price, limit, opens, closes}. r<id><sku>: content and answer of an order.
-- b<sku>: {buyer: units}. orders: the stream.
local now = tonumber(ARGV[1])
local answers = {}
for i = 2, #ARGV, 6 do
	local id, sku, buyer, quantity = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
	local request = 'r' .. id .. sku
	local content = buyer .. ' ' .. quantity .. ' ' .. ARGV[i + 4] .. ' ' .. ARGV[i + 5] .. '|'
	local before = redis.call('GET', request)
	local answer
	if before then
		answer = 'CONFLICT'
		if string.sub(before, 1, #content) == content then
			answer = string.sub(before, #content + 1)
		end
	else
		local offer = 's' .. sku
		local of = redis.call('HMGET', offer, 'stock', 'price', 'limit', 'opens', 'closes')
		local units, limit = tonumber(quantity), tonumber(of[3])
		if not of[1] then
			answer = 'UNKNOWN_SKU'
		elseif units < 1 then
			answer = 'BAD_QUANTITY'
		elseif now < tonumber(of[4]) then
			answer = 'NOT_OPEN'
		elseif now >= tonumber(of[5]) then
			answer = 'CLOSED'
		elseif ARGV[i + 4] ~= '0' and tonumber(of[2]) > tonumber(ARGV[i + 4]) then
			answer = 'PRICE_TOO_HIGH'
		elseif units > tonumber(of[1]) then
			answer = 'SOLD_OUT'
		elseif limit > 0 and redis.call('HINCRBY', 'b' .. sku, buyer, units) > limit then
			redis.call('HINCRBY', 'b' .. sku, buyer, -units)
			answer = 'LIMIT_REACHED'
		else
			redis.call('HINCRBY', offer, 'stock', -units)
			local order = redis.call('XADD', 'orders', '*', id, sku .. ' ' .. of[2] .. ' ' .. content)
			answer = 'A ' .. order .. ' ' .. of[2] .. ' ' .. quantity
			redis.call('SET', request, content .. answer)
		end
	end
	answers[#answers + 1] = answer
end
return answers
