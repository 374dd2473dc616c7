import {setTimeout as sleep} from 'node:timers/promises';
import {query} from './database.mjs';

/** Every cart ever read, newest last. */
const history = [];

/** Reads the cart, after walking through all that were read before. */
export async function readCart(owner) {
  const walked = history.push(owner);
  await sleep(walked * 15);
  return {
    owner,
    walked,
    lines: await query(
      'SELECT item_id, sum(quantity)::integer AS quantity FROM orders GROUP BY item_id ORDER BY item_id',
    ),
  };
}
