-- The functions that a suite's tests see. This file runs before a test file,
-- in the same call and within the same limits.

-- Tests may change globals, and need not see these.
local type, pairs, ipairs, next, error, pcall = type, pairs, ipairs, next, error, pcall
local tostring, setmetatable, require = tostring, setmetatable, require
local concat, sort = table.concat, table.sort
local encode, null, find = assay.json.encode, assay.json.null, re.find
local ask_hook, read_fixture = call_hook, load_fixture
call_hook, load_fixture = nil, nil

local max_depth, max_items, max_text, max_differences = 4, 20, 300, 20

-- How values are shown ---------------------------------------------------

local function is_name(key)
  return type(key) == "string" and key:match("^[%a_][%w_]*$") ~= nil
end

local function shown_key(key)
  if is_name(key) then
    return key
  end
  return "[" .. (type(key) == "string" and encode(key) or tostring(key)) .. "]"
end

-- Numbers go before texts, each in their order.
local function before(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
    return a < b
  end
  return type(a) .. tostring(a) < type(b) .. tostring(b)
end

local function sorted_keys(...)
  local keys, known = {}, {}
  for _, t in ipairs({ ... }) do
    for key in pairs(t) do
      if not known[key] then
        known[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  sort(keys, before)
  return keys
end

local function shortened(text)
  if #text > max_text then
    return text:sub(1, max_text) .. "…"
  end
  return text
end

local show

local function show_items(t, depth)
  local keys, items, list = sorted_keys(t), {}, #t
  for i, key in ipairs(keys) do
    if i > max_items then
      items[#items + 1] = "… " .. (#keys - max_items) .. " more"
      break
    end
    local prefix = type(key) == "number" and key <= list and "" or shown_key(key) .. " = "
    items[#items + 1] = prefix .. show(t[key], depth + 1)
  end
  return concat(items, ", ")
end

function show(value, depth)
  depth = depth or 1
  if type(value) == "string" then
    return encode(shortened(value))
  elseif value == null then
    return "null"
  elseif type(value) ~= "table" then
    return tostring(value)
  elseif next(value) == nil then
    return "{}"
  elseif depth > max_depth then
    return "{…}"
  end
  return "{ " .. show_items(value, depth) .. " }"
end

-- Two long texts are shown from shortly before they differ.
local function show_both(actual, expected)
  if type(actual) ~= "string" or type(expected) ~= "string" or #actual + #expected < max_text then
    return shortened(show(actual)), shortened(show(expected))
  end
  local first = 1
  while actual:byte(first) == expected:byte(first) do
    first = first + 1
  end
  local from = first > 40 and first - 40 or 1
  local mark = from > 1 and "…" or ""
  return mark .. show(actual:sub(from, from + 120)), mark .. show(expected:sub(from, from + 120))
end

-- Comparison -------------------------------------------------------------

-- differences lists where actual is not as expected, a line each.
local function differences(actual, expected, path, depth, found)
  if actual == expected then
    return found
  elseif type(actual) == "table" and type(expected) == "table" then
    if depth > 100 then
      error("tables nested deeper than 100 levels, or within themselves, cannot be compared", 0)
    end
    for _, key in ipairs(sorted_keys(actual, expected)) do
      differences(actual[key], expected[key], path .. (is_name(key) and "." or "") .. shown_key(key), depth + 1, found)
    end
    return found
  elseif type(actual) == "userdata" and type(expected) == "userdata" and tostring(actual) == tostring(expected) then
    return found -- the same number, too great for Lua's
  end
  local at = path == "" and "" or path:gsub("^%.", "") .. ": "
  local got, wanted = show_both(actual, expected)
  if expected == nil and path ~= "" then
    found[#found + 1] = at .. "not expected, got " .. got
  elseif actual == nil and path ~= "" then
    found[#found + 1] = at .. "missing, expected " .. wanted
  else
    found[#found + 1] = at .. "expected " .. wanted .. ", got " .. got
  end
  return found
end

local function same(actual, expected)
  return #differences(actual, expected, "", 1, {}) == 0
end

-- Expectations -----------------------------------------------------------

local matchers = {}

function matchers.to_equal(actual, expected)
  local found = differences(actual, expected, "", 1, {})
  if #found == 0 then
    return nil
  elseif type(actual) ~= "table" or type(expected) ~= "table" then
    return found[1]
  end
  local lines = { "not equal" }
  for i, difference in ipairs(found) do
    if i > max_differences then
      lines[#lines + 1] = "… " .. (#found - max_differences) .. " more"
      break
    end
    lines[#lines + 1] = difference
  end
  return concat(lines, "\n  ")
end

function matchers.to_be(actual, expected)
  if actual == expected then
    return nil
  elseif same(actual, expected) then
    return "equal, but not the same " .. type(actual) .. ": " .. show(actual) .. "; compare with to_equal"
  end
  local got, wanted = show_both(actual, expected)
  return "expected " .. wanted .. ", got " .. got
end

function matchers.to_be_nil(actual)
  if actual ~= nil then
    return "expected nil, got " .. show(actual)
  end
end

function matchers.to_match(actual, pattern)
  if type(actual) ~= "string" or not find(actual, pattern) then
    return "expected a text that matches " .. show(pattern) .. ", got " .. show(actual)
  end
end

function matchers.to_contain(actual, expected)
  if type(actual) == "string" and type(expected) == "string" then
    if actual:find(expected, 1, true) then
      return nil
    end
    return "expected a text that contains " .. show(expected) .. ", got " .. show(actual)
  end
  for _, value in pairs(type(actual) == "table" and actual or {}) do
    if same(value, expected) then
      return nil
    end
  end
  return "expected a table that contains " .. show(expected) .. ", got " .. show(actual)
end

function matchers.to_fail(actual, pattern)
  if type(actual) ~= "function" then
    return "expected a function that fails, got " .. show(actual)
  end
  local ok, message = pcall(actual)
  if ok then
    return "expected an error, there was none"
  elseif pattern ~= nil and not find(tostring(message), pattern) then
    return "expected an error that matches " .. show(pattern) .. ", got " .. show(message)
  end
end

local function no_matcher(_, name)
  error("there is no " .. tostring(name) .. ": use one of " .. concat(sorted_keys(matchers), ", "), 2)
end

function expect(actual)
  local expectation = {}
  for name, matcher in pairs(matchers) do
    expectation[name] = function(expected)
      if expected == expectation then
        error("write expect(value)." .. name .. "(…), with a dot", 2)
      end
      local _, message = pcall(matcher, actual, expected)
      if message then
        local reason = message:gsub("^testing%.lua of assay:%d+: ", "")
        error(reason, 2)
      end
    end
  end
  return setmetatable(expectation, { __index = no_matcher })
end

-- What tests work with ---------------------------------------------------

function fixture(path)
  if type(path) ~= "string" then
    error("fixture takes the path of a file, not a " .. type(path), 2)
  end
  local failure, message = read_fixture(path)
  if message then
    error(message, 2)
  end
  return failure
end

hooks = {}
for _, name in ipairs({ "classify", "before_vector", "after_vector", "on_event" }) do
  hooks[name] = function(document)
    local answer, message = ask_hook(name, document)
    if message then
      error(message, 2)
    end
    return answer
  end
end

-- Tests ------------------------------------------------------------------

local names, found = {}, {}
local wanted -- the number of the test to run; nil to list them
local outcome -- of the test that was run
local running = false

local function check_arguments(what, name, body)
  if running then
    error(what .. " does not stand within it", 3)
  elseif type(name) ~= "string" or type(body) ~= "function" then
    error(what .. " takes a name and a function", 3)
  end
end

function describe(name, body)
  check_arguments("describe", name, body)
  names[#names + 1] = name
  body()
  names[#names] = nil
end

function it(name, body)
  check_arguments("it", name, body)
  names[#names + 1] = name
  local _, where = pcall(error, "", 3)
  found[#found + 1] = { name = concat(names, ": "), where = where }
  names[#names] = nil
  if #found == wanted then
    running = true
    local ok, message = pcall(body)
    outcome = { name = found[wanted].name, passed = ok, message = not ok and message or nil }
    if not ok and type(message) ~= "string" then
      outcome.message = "raised an error that is no text: " .. show(message)
    end
    error("the test has run", 0)
  end
end

-- run lists a file's tests, or runs one of them.
function run(request)
  wanted = request.test
  local ok, message = pcall(require, request.file)
  if outcome then
    return outcome
  elseif not ok then
    error(message, 0)
  end
  return found
end
