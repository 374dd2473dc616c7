import {query} from './database.mjs';

export async function listItems() {
  return {items: await query('SELECT id, name, price_cents FROM items ORDER BY id')};
}

export async function addItem({name, price_cents: price = 0}) {
  if (typeof name !== 'string' || name.trim() === '') return {status: 422, error: 'name is required'};
  const [item] = await query('INSERT INTO items (name, price_cents) VALUES ($1, $2) RETURNING id, name, price_cents', [
    name,
    price,
  ]);
  return {status: 201, item};
}
