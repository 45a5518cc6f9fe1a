-- Tests of classify.lua: assay hook test ./specs/orders
--
-- The failures are recorded ones, kept by
-- assay run ./specs/orders --save-failures ./specs/orders/failures

local function failure(name)
  return fixture("failures/orders." .. name .. ".json")
end

describe("classify", function()
  it("knows the nightly batch, although the answer was a 200", function()
    expect(hooks.classify(failure("nightly_batch"))).to_equal({
      category = "outage",
      confidence = 0.97,
      reason = "the order system is in its nightly batch window",
    })
  end)

  it("does not take a 500 for an outage where the order is in the archive", function()
    local judged = hooks.classify(failure("archived_order"))
    expect(judged.category).to_be("invalid_input")
    expect(judged.reason).to_contain("archive")
  end)

  it("leaves codes that it does not know to the rules", function()
    expect(hooks.classify(failure("unknown_vendor_code"))).to_be_nil()
  end)

  it("looks at the last answer that has a code", function()
    local seen = failure("nightly_batch")
    table.insert(seen.trace, { step_id = "again", step_name = "again", output = { text = "OMS-2040" } })
    expect(hooks.classify(seen).category).to_be("invalid_input")
  end)

  it("does without outputs", function()
    require("classify")
    expect(classify({ trace = { { step_id = "find_order" } } })).to_be_nil()
  end)
end)
