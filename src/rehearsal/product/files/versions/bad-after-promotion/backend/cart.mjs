import {pool} from './database.mjs';

/** Reads the cart in one transaction. */
export async function readCart(owner) {
  const client = await pool.connect();
  await client.query('BEGIN');
  const {rows} = await client.query(
    'SELECT item_id, sum(quantity)::integer AS quantity FROM orders GROUP BY item_id ORDER BY item_id',
  );
  await client.query('COMMIT');
  return {owner, lines: rows};
}
