import {Catalogue} from './catalogue.jsx';

export default function Page() {
  return (
    <main>
      <h1>Stock room</h1>
      <Catalogue />
    </main>
  );
}
