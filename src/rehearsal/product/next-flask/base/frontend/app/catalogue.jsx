'use client';

import {useEffect, useState} from 'react';
import {useSession} from './identity.jsx';

/** The items of the chosen organisation. */
export function Catalogue() {
  const {ready, organisation, token} = useSession();
  const [items, setItems] = useState([]);
  const [problem, setProblem] = useState('');

  useEffect(() => {
    if (!ready || !organisation) return undefined;
    const abort = new AbortController();
    load(organisation, token, abort.signal).then(
      (found) => {
        setItems(found);
        setProblem('');
      },
      (error) => abort.signal.aborted || setProblem(error.message),
    );
    return () => abort.abort();
  }, [ready, organisation, token]);

  return (
    <>
      <ul id="catalogue" aria-live="polite">
        {items.map(({id, name}) => (
          <li key={id}>{name}</li>
        ))}
      </ul>
      {problem && <p role="alert">{problem}</p>}
    </>
  );
}

async function load(organisation, token, signal) {
  const answer = await fetch(`${globalThis.productConfig.api}/api/organisations/${organisation}/items`, {
    headers: {authorization: `Bearer ${await token()}`},
    signal,
  });
  if (!answer.ok) throw new Error(`The items could not be loaded (${answer.status}).`);
  return (await answer.json()).items;
}
