/** One JSON line for each event, without headers and bodies: those hold passwords and tokens. */
import pino from "pino";
import { release } from "./config.js";

export const createLogger = (unit) => pino({ base: { unit, release } });
