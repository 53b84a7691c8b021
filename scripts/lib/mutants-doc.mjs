const hanging = ' (does not come to its end)';

/**
 * docs/mutants.md: which test finds which fault.
 * @param {object[]} all the faults
 * @param {(fault: object) => string | undefined} reasonOf why a fault need not be found
 * @returns {string}
 */
export function mutantsDoc(all, reasonOf) {
  const faults = all.map((fault) => ({ ...fault, reason: reasonOf(fault) }));
  const found = faults.filter(({ killedBy }) => killedBy);
  const excused = faults.filter(({ killedBy, reason }) => !killedBy && reason);
  const survivors = faults.filter(({ killedBy, reason }) => !killedBy && !reason);
  const files = [...new Set(faults.map(({ file }) => file))];
  return `# Faults, and the tests that find them

<!-- Written by \`npm run mutants\`. Do not edit. -->

A test is worth the faults that it finds. \`npm run mutants\` puts faults into the engine and into the verdicts, one at a time:
a condition that always or never holds, a boundary one off, a default always or never taken, a case that never matches, a
statement left out. The driver's tests run the bundle with each one, and each has a test that fails; which, stands in \`.runbook/mutants.md\` after a run.

${faults.length} faults: ${found.length} found, ${excused.length} excused, ${survivors.length} found by no test.

| file | faults | found | excused | by no test |
|:-|-:|-:|-:|-:|
${files.map((file) => summaryOf(file, faults)).join('\n')}
${survivors.length > 0 ? `\n## Found by no test\n\n${table(survivors, 'place', ({ file, line }) => `${file}:${line}`)}` : ''}
## Excused

Faults that change nothing that anybody could see, or only words. Each is in \`test/mutants/exceptions.json\`.

| place | fault | why |
|:-|:-|:-|
${excused.map(({ file, line, what, reason }) => `| ${file}:${line} | ${code(what)} | ${cell(reason)} |`).join('\n')}

## Found

${files.map((file) => sectionOf(file, found)).join('\n')}`;
}

/**
 * What docs/mutants.md says, as it was written last.
 * @param {string} doc
 * @returns {(fault: object) => string[] | null} the tests that have found the fault, wherever in
 *   its file it stands by now; null when it survived or was excused, there or elsewhere in its
 *   file, or is new
 */
export function lastFound(doc) {
  const [others, found = ''] = doc.split('\n## Found\n');
  const survived = new Set(
    [...others.matchAll(/^\| (\S+):\d+ \| (.*?) \| /gm)].map(([, file, what]) => `${file} ${what}`),
  );
  const killers = new Map();
  for (const section of found.split(/^### /m).slice(1)) {
    const file = section.slice(0, section.indexOf('\n'));
    for (const [, what, by] of section.matchAll(/^\| \d+ \| (.*?) \| (.*) \|$/gm)) {
      const place = `${file} ${what}`;
      killers.set(place, [
        ...(killers.get(place) ?? []),
        by.replace(hanging, '').replaceAll('\\|', '|'),
      ]);
    }
  }
  return ({ file, what }) => {
    const place = `${file} ${code(what)}`;
    return survived.has(place) ? null : (killers.get(place) ?? null);
  };
}

function summaryOf(file, faults) {
  const own = faults.filter((fault) => fault.file === file);
  const found = own.filter(({ killedBy }) => killedBy).length;
  const excused = own.filter(({ killedBy, reason }) => !killedBy && reason).length;
  return `| ${file} | ${own.length} | ${found} | ${excused} | ${own.length - found - excused} |`;
}

function sectionOf(file, found) {
  const own = found.filter((fault) => fault.file === file);
  return own.length === 0 ? '' : `### ${file}\n\n${table(own, 'line', ({ line }) => line)}`;
}

function table(faults, first, place) {
  const rows = faults.map(
    (fault) => `| ${place(fault)} | ${code(fault.what)} | ${cell(foundBy(fault))} |`,
  );
  return `| ${first} | fault | found by |\n|:-|:-|:-|\n${rows.join('\n')}\n`;
}

function foundBy({ killedBy, hangs }) {
  return killedBy ? `${killedBy}${hangs ? hanging : ''}` : '';
}

function code(text) {
  return `\`${cell(text).replaceAll('`', "'")}\``;
}

function cell(text) {
  return text.replaceAll('|', '\\|');
}
