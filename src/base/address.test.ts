import { expect, test } from 'vitest';
import { addressProblem, isSecureAddress } from './address.ts';

test.each([
  'https://huggingface.co',
  'https://10.0.0.5:8443/x',
  'http://localhost:8080/',
  'http://hub.localhost/',
  'http://127.0.0.1:5000',
  'http://127.9.9.9/',
  'http://[::1]:3000/',
  // Browsers read both as 127.0.0.1.
  'http://2130706433/',
  'http://127.1/',
])('%s is secure', (address) => {
  expect(isSecureAddress(address)).toBe(true);
});

test.each([
  'http://huggingface.co',
  'http://192.168.1.5:8080/',
  'http://localhost.example.org/',
  'http://127.0.0.1.example.org/',
  'http://user@example.org#@localhost',
  'ftp://localhost/',
  'ws://localhost/',
])('%s is not', (address) => {
  expect(isSecureAddress(address)).toBe(false);
});

test.each([
  'https://user:secret@example.org/m/',
  'https://secret@example.org/m/',
  'https://example.org/m/?token=secret',
  'https://example.org/m/#secret',
])('refuses %s, which may hold a secret, without repeating it', (address) => {
  const { message, nextStep } = addressProblem(address) ?? { message: '', nextStep: '' };
  expect(message).not.toBe('');
  expect(nextStep).toContain('https://example.org/m/');
  expect(message + nextStep).not.toContain('secret');
});

test('accepts a secure folder address and says what is wrong with others', () => {
  expect(addressProblem('https://example.org/m')).toBeNull();
  expect(addressProblem('http://localhost:80/m/')).toBeNull();
  expect(addressProblem('http://example.org/m/')?.message).toContain('Anyone on the network');
  for (const text of ['', 'm/', 'ftp://example.org', 'http://']) {
    expect(addressProblem(text)?.message, text).toContain('not the address');
  }
});
