/** SIGTERM: what was begun is finished, then the process ends. */
export function onTermination(log, close) {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.once(signal, async () => {
      log.info({ signal }, "Ending");
      try {
        await close();
        process.exit(0);
      } catch (error) {
        log.error(error, "Did not end cleanly");
        process.exit(1);
      }
    });
  }
}
