"""A review that learns while people answer: no labels and no model are needed to begin.

`vectors` describes events, `heads` are fitted to the answers, `asking` says what to ask next,
`accuracy` how far the model is to be trusted. `learner` puts them together: what it says is a
function of the answers and of the features alone. None needs TensorFlow.
"""
