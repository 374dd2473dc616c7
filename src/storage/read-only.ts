import {Failure} from '../kernel/errors.js';
import type {Store} from './store.js';

/** The same store, without the power to change it: what restore, drill and every look at a store use. */
export function readOnly(store: Store): Store {
  const refuse = async (what: string): Promise<never> => {
    throw new Failure('STORE_READ_ONLY', `${what} was refused: this run only reads ${store.location}`, {
      remedy: 'This is a bug in Switchback; please report it with this log.',
    });
  };
  return {
    location: store.location,
    traits: store.traits,
    get: (key, options) => store.get(key, options),
    head: (key) => store.head(key),
    list: (prefix, options) => store.list(prefix, options),
    unfinished: (prefix) => store.unfinished(prefix),
    put: (key) => refuse(`Storing ${key}`),
    upload: (key) => refuse(`Uploading ${key}`),
    delete: (key) => refuse(`Deleting ${key}`),
    abandon: ({key}) => refuse(`Removing the upload ${key}`),
    facts: (signal) => store.facts(signal),
  };
}
