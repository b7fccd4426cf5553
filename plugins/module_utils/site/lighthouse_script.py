# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs Lighthouse in Node. It reads its job from stdin and writes a file for each run.

Lighthouse's own program sends extra headers to every host that a page loads from. These are secrets of the shop's own
site, so they are added here to the requests of that origin only.
"""

from __future__ import annotations

SCRIPT = r"""
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const job = JSON.parse(readFileSync(0, 'utf8'));
const load = (path) => import(pathToFileURL(path));
const require = createRequire(job.package + '/package.json');
const {default: lighthouse, desktopConfig, generateReport} = await load(job.package + '/core/index.js');
const {computeMedianRun} = await load(job.package + '/core/lib/median-run.js');
const {default: puppeteer} = await load(require.resolve('puppeteer-core'));

if (job.task === 'page') {
  writeFileSync(job.dest, generateReport(JSON.parse(readFileSync(job.report, 'utf8')), 'html'));
} else {
  const reports = [];
  for (let run = 0; run < job.runs; run++) {
    const report = await audit();
    reports.push(report);
    if (report.runtimeError) break;
  }
  const failed = reports.find((report) => report.runtimeError);
  writeFileSync(job.dest, JSON.stringify({reports, median: reports.indexOf(failed ?? medianOf(reports))}));
}

// The pipe ends the browser with this process, however it ends.
async function audit() {
  const browser = await puppeteer.launch({executablePath: job.browser, args: job.arguments, pipe: true});
  try {
    const page = await browser.newPage();
    await addHeaders(page);
    const flags = {
      onlyCategories: job.categories, skipAudits: job.skip, output: [], logLevel: 'error',
      disableFullPageScreenshot: true, maxWaitForLoad: job.load * 1000,
    };
    const result = await lighthouse(job.url, flags, job.desktop ? desktopConfig : undefined, page);
    return result.lhr;
  } finally {
    await browser.close();
  }
}

async function addHeaders(page) {
  const own = Object.entries(job.headers).map(([name, value]) => ({name, value}));
  if (!own.length) return;
  const session = await page.createCDPSession();
  const names = new Set(own.map(({name}) => name.toLowerCase()));
  session.on('Fetch.requestPaused', ({requestId, request}) => {
    const theirs = Object.entries(request.headers).map(([name, value]) => ({name, value}));
    const headers = [...theirs.filter(({name}) => !names.has(name.toLowerCase())), ...own];
    session.send('Fetch.continueRequest', {requestId, headers}).catch(() => {});
  });
  await session.send('Fetch.enable', {patterns: [{urlPattern: new URL(job.url).origin + '/*'}]});
}

function medianOf(reports) {
  try {
    return computeMedianRun(reports);
  } catch {
    return reports[0];
  }
}
"""
