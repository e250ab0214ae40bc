/** What a request may hold, in its wire form, as the management API and the feed carry it. */
import {
  type BodyView,
  isJsonObject,
  type JsonValue,
  limits,
  type ParameterView,
  type RequestView,
} from '@mintmark/core';

const places = ['path', 'query', 'header', 'cookie'] as const;
const styles = ['repeated', 'commas', 'spaces', 'pipes', 'members', 'json'] as const;

/** @returns a text says what is wrong */
export function readRequestView(value: JsonValue): RequestView | string {
  if (!isJsonObject(value)) return 'request is not an object';
  const { parameters, body } = value;
  if (!Array.isArray(parameters) || parameters.length > 2 * limits.operationParametersMax) {
    return 'request.parameters is a list';
  }
  const read: ParameterView[] = [];
  for (const one of parameters) {
    const parameter = readParameter(one);
    if (parameter === undefined) {
      return 'a parameter has name, in, required, style and schema';
    }
    read.push(parameter);
  }
  if (body === undefined) return { parameters: read };
  const held = readBody(body);
  return held === undefined
    ? 'request.body has required, and content by media type'
    : { parameters: read, body: held };
}

function readParameter(value: JsonValue): ParameterView | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, required, schema } = value;
  const place = places.find((one) => one === value['in']);
  const style = styles.find((one) => one === value['style']);
  const isNamed = typeof name === 'string' && name !== '' && name.length <= 256;
  if (!isNamed || typeof required !== 'boolean' || schema === undefined) return undefined;
  return place && style && { name, in: place, required, style, schema };
}

function readBody(value: JsonValue): BodyView | undefined {
  if (!isJsonObject(value)) return undefined;
  const { required, content } = value;
  return typeof required === 'boolean' && isJsonObject(content) ? { required, content } : undefined;
}
