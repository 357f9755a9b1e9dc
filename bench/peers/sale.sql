-- A purchase as the engine decides it, in one function: the same request gets the same answer,
-- another content under its id is a conflict; opening times, highest price, stock, limit per buyer.
-- The order is its row.
CREATE TABLE offer (
	sku bigint PRIMARY KEY,
	stock int NOT NULL CHECK (stock >= 0),
	price bigint NOT NULL,
	limit_per_buyer int NOT NULL,
	opens_at bigint NOT NULL,
	closes_at bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE buyer_units (
	sku bigint,
	buyer bigint,
	units int NOT NULL,
	PRIMARY KEY (sku, buyer)
);

CREATE TABLE purchase (
	id uuid,
	sku bigint,
	order_id bigint GENERATED ALWAYS AS IDENTITY,
	buyer bigint NOT NULL,
	price bigint NOT NULL,
	max_price bigint NOT NULL,
	channel int NOT NULL,
	quantity int NOT NULL,
	PRIMARY KEY (id, sku)
);

-- Order id, or minus the verdict that the engine would give.
CREATE FUNCTION buy(p_id uuid, p_sku bigint, p_buyer bigint, p_quantity int, p_max_price bigint,
	p_channel int, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	of offer%ROWTYPE;
	had purchase%ROWTYPE;
	ordered bigint;
BEGIN
	SELECT * INTO had FROM purchase WHERE id = p_id AND sku = p_sku;
	IF FOUND THEN
		IF had.buyer = p_buyer AND had.quantity = p_quantity AND
			had.max_price = p_max_price AND had.channel = p_channel THEN
			RETURN had.order_id;
		END IF;
		RETURN -39;
	END IF;
	SELECT * INTO of FROM offer WHERE sku = p_sku FOR NO KEY UPDATE;
	IF NOT FOUND THEN RETURN -36; END IF;
	IF p_quantity < 1 THEN RETURN -37; END IF;
	IF p_now < of.opens_at THEN RETURN -34; END IF;
	IF p_now >= of.closes_at THEN RETURN -35; END IF;
	IF p_max_price > 0 AND of.price > p_max_price THEN RETURN -38; END IF;
	IF p_quantity > of.stock THEN RETURN -32; END IF;
	IF of.limit_per_buyer > 0 THEN
		IF p_quantity > of.limit_per_buyer THEN RETURN -33; END IF;
		INSERT INTO buyer_units AS b VALUES (p_sku, p_buyer, p_quantity)
			ON CONFLICT (sku, buyer) DO UPDATE SET units = b.units + p_quantity
			WHERE b.units + p_quantity <= of.limit_per_buyer;
		IF NOT FOUND THEN RETURN -33; END IF;
	END IF;
	UPDATE offer SET stock = stock - p_quantity WHERE sku = p_sku;
	INSERT INTO purchase (id, sku, buyer, price, max_price, channel, quantity)
		VALUES (p_id, p_sku, p_buyer, of.price, p_max_price, p_channel, p_quantity)
		RETURNING order_id INTO ordered;
	RETURN ordered;
END $$;
