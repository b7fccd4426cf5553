/**
 * The jobs for the worker, in Redis. A job that is being done stays in a second list until it is done, so that a killed
 * worker loses none: each is done at least once.
 */
const WAITING = "queue:email";
const BEGUN = "queue:email:begun";

export const addJob = (redis, job) => redis.rpush(WAITING, JSON.stringify(job));

/** Puts back what an earlier worker had begun. */
export async function recoverJobs(redis) {
  while (await redis.lmove(BEGUN, WAITING, "RIGHT", "LEFT"));
}

/** Waits up to a second for a job and does it; one that fails goes back to the end of the queue. */
export async function doNextJob(redis, work) {
  const job = await redis.blmove(WAITING, BEGUN, "LEFT", "RIGHT", 1);
  if (!job) return;
  try {
    await work(JSON.parse(job));
  } catch (error) {
    await redis.multi().lrem(BEGUN, 1, job).rpush(WAITING, job).exec();
    throw error;
  }
  await redis.lrem(BEGUN, 1, job);
}
