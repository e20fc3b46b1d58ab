/** The JSON reader that keeps the text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duplicateName, objectMembers } from '../../simulator/json_text.mjs';

test('members keep their exact text, whatever is in it', () => {
  const values = ['1.50', '-0e+1', 'true', 'null', '""', String.raw`"a\"}{][,:\\"`, String.raw`"\\"`, '[ ]', '{ }', String.raw`[{"a":"]\""} , [1,2]]`, '{"a" : {"b":[{}]}}'];
  for (const space of ['', ' ', '\n\t\r ']) {
    const text = `${space}{${values.map((raw, at) => `${space}"m${at}"${space}:${space}${raw}${space}`).join(',')}}${space}`;
    const members = objectMembers(text);
    assert.deepEqual(members?.map(({ raw }) => raw), values);
    assert.deepEqual(members?.map(({ name }) => name), values.map((_, at) => `m${at}`));
    assert.deepEqual(Object.fromEntries(members?.map(({ name, value }) => [name, value]) ?? []), JSON.parse(text));
  }
  assert.deepEqual(objectMembers(' { } '), []);
});

test('what is not an object is null', () => {
  for (const text of ['', '[]', '1', 'null', '"{}"', '{', '{"a":1,}', '{}{}', "{'a':1}"]) assert.equal(objectMembers(text), null, text);
});

test('duplicates are seen through escapes', () => {
  assert.equal(duplicateName(objectMembers(String.raw`{"ab":1,"a\u0062":2}`) ?? []), 'ab');
  assert.equal(duplicateName(objectMembers('{"ab":1,"AB":2}') ?? []), null);
});
