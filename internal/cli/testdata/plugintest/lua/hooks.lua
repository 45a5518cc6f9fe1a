function before_vector(vector)
  return vector
end

function after_vector()
  while true do
  end
end
