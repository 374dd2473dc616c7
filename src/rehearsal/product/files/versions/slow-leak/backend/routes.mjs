import {readCart} from './cart.mjs';
import {health} from './health.mjs';
import {addItem, listItems} from './items.mjs';
import {listOrders} from './orders.mjs';

/** `METHOD /path` to a handler; each gets the parsed body and the request. */
export const routes = {
  'GET /api/health': async () => {
    const {httpStatus = 200, ...body} = await health();
    return {status: httpStatus, body};
  },
  'GET /api/items': async () => ({status: 200, body: await listItems()}),
  'POST /api/items': async (body) => {
    const {status, ...answer} = await addItem(body);
    return {status, body: answer};
  },
  'GET /api/cart': async (_body, request) => ({status: 200, body: await readCart(request.headers['x-cart'])}),
  'GET /api/orders': async () => ({status: 200, body: await listOrders()}),
};
