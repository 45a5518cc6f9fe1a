local rules = {
	{ "ECONNREFUSED|ENOTFOUND|EAI_AGAIN", "outage", 0.95 },
	{ "ETIMEDOUT|deadline exceeded|timed out", "timeout", 0.9 },
	{ [[\b429\b|rate limit|quota]], "rate_limited", 0.9 },
	{ "TypeError|ReferenceError", "logic_fault", 0.85 },
	{ "(?i)maintenance window", "outage", 0.97 },
}

function classify(failure)
	local step = failure.failing_step
	if step == nil then return nil end
	local text = step.error.message .. "\n" .. (step.error.stack or "")
	for _, rule in ipairs(rules) do
		local found = re.match(text, rule[1])
		local reason = "the step " .. step.step_name .. " said " .. (found or "nothing")
		if found then return { category = rule[2], confidence = rule[3], reason = reason } end
	end
	return nil
end
