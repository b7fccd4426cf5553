/** What stands in the place of something that is not there, yet or at all. */
export function Status({ error }: { error?: string }) {
  return error ? <p role="alert">{error}</p> : <p role="status">Loading …</p>;
}
