ALTER TABLE items ADD COLUMN price_cents integer NOT NULL DEFAULT 0;

UPDATE items SET price_cents = 250;
