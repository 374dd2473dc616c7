import {query} from './database.mjs';

export async function listOrders() {
  return {orders: await query('SELECT id, item_id, quantity FROM orders ORDER BY id DESC LIMIT 50')};
}
