import {query} from './database.mjs';

export async function listItems() {
  return {items: await query('SELECT id, name FROM items ORDER BY id')};
}

export async function addItem({name}) {
  if (typeof name !== 'string' || name.trim() === '') return {status: 422, error: 'name is required'};
  const [item] = await query('INSERT INTO items (name) VALUES ($1) RETURNING id, name', [name]);
  return {status: 201, item};
}
