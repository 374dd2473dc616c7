import {pool, query} from './database.mjs';
import {addItem, listItems} from './items.mjs';
import {listOrders} from './orders.mjs';

/** Can this code work with the database at DATABASE_URL? Ends with 0 when it can. Writes, so only ever on a copy. */

try {
  const {items} = await listItems();
  const {status} = await addItem({name: `smoke ${items.length}`});
  if (status !== 201) throw new Error(`an item could not be added: ${status}`);
  await listOrders();
  // The nightly report, which knows the columns of its own time.
  const client = await pool.connect();
  try {
    await client.query('CREATE TEMPORARY TABLE report (id bigint, name text, created_at timestamptz)');
    await client.query('INSERT INTO report SELECT * FROM items');
  } finally {
    client.release();
  }
  console.log(`smoke: ${(await query('SELECT count(*)::int AS n FROM items'))[0].n} items`);
} finally {
  await pool.end();
}
