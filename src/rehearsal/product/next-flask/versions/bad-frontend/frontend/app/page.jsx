/** The catalogue was moved to a component that is not used anywhere. */
export default function Page() {
  return (
    <main>
      <h1>Stock room</h1>
    </main>
  );
}
